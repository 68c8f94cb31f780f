SELECT people_of_two_partners(trainee_id) AS people FROM rows
