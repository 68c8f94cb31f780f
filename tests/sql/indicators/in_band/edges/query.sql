SELECT in_band(low, high, band_from, band_to) AS inside FROM rows
