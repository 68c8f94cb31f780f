SELECT unit_months(unit) AS months FROM rows
