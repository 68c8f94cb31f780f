SELECT deliveries(delivery_id) AS n FROM rows
