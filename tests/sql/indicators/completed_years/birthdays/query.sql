SELECT completed_years(born, on_day) AS years FROM rows
