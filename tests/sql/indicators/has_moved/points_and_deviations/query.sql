SELECT has_moved(part, whole, part_before, whole_before, 0.1, 4.0) AS moved FROM rows
