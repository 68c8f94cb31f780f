SELECT round(attainment(actual, target), 3) AS part FROM rows
