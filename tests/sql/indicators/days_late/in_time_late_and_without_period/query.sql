SELECT days_late(period, allowed_days, received) AS days FROM rows
