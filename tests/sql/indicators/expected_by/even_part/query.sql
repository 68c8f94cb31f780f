SELECT expected_by(target, on_day, begin_day, due_day) AS people FROM rows
