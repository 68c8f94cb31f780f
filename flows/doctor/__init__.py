"""What the doctor looks at beside the data folder: contracts, landed files, sources, the schedule, the machine."""
