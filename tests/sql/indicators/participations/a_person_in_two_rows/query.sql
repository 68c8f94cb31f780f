SELECT participations(trainee_id) AS figure FROM rows
