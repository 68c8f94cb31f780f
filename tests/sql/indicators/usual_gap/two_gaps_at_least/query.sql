SELECT partner, usual_gap(gap) AS gap FROM rows GROUP BY partner ORDER BY partner
