SELECT people_of_disjoint_groups(people) AS people FROM rows UNION ALL SELECT people_of_disjoint_groups(people) FROM rows WHERE people > 9
