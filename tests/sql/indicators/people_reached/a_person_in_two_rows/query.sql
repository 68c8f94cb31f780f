SELECT people_reached(trainee_id) AS figure FROM rows
