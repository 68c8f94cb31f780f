SELECT period_of(CAST(day AS DATE), unit) AS period FROM rows
