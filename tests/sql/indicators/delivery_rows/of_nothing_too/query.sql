SELECT delivery_rows(rows_in) AS n FROM rows UNION ALL SELECT delivery_rows(rows_in) FROM rows WHERE rows_in > 9
