SELECT month_number(later) - month_number(earlier) AS months FROM rows
