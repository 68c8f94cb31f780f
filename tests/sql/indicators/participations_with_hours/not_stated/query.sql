SELECT participations_with_hours(hours) AS n FROM rows
