SELECT rows_without(phone IS NULL) AS n FROM rows
