SELECT hours_attended(hours) AS hours, participations_with_hours(hours) AS n FROM rows
