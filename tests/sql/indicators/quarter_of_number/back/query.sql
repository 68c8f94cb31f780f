SELECT quarter_of_number(quarter_number(on_day)) AS quarter FROM rows
