SELECT rows_flagged(coalesce(flags, '')) AS n FROM rows
