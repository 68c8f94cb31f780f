SELECT quarter_number(on_day) - quarter_number(lag(on_day) OVER (ORDER BY on_day)) AS step FROM rows ORDER BY on_day
