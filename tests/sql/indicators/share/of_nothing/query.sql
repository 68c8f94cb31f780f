SELECT share(part, whole) AS share FROM rows
