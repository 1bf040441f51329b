"""The directory as an administrator fills it in: Excel sheets and GeoJSON outlines."""
