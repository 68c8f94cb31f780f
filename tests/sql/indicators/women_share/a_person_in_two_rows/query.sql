SELECT women_share(trainee_id, sex) AS figure FROM rows
