SELECT rows_rejected(reason_code) AS n FROM rows
