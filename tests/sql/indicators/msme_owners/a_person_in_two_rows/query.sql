SELECT msme_owners(trainee_id, trainee_type) AS figure FROM rows
