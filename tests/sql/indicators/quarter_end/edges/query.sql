SELECT quarter_end(in_quarter) AS day FROM rows
