SELECT quarter_of(on_day) AS quarter FROM rows
