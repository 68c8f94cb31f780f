SELECT share_rejected(rejected, rows_in, structural) AS share FROM rows
