"""Why a figure changed, and which rows it is made of."""
