SELECT job_seekers(trainee_id, trainee_type) AS figure FROM rows
