SELECT period_end(period) AS day FROM rows
