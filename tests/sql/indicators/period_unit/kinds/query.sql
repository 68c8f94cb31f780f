SELECT period_unit(period) AS unit FROM rows
