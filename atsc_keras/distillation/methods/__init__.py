"""The methods of the literature that ATSC is compared with."""
