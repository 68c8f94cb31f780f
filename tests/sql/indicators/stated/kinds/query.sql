SELECT stated(answer) AS word FROM rows
