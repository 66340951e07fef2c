"""Video, label and result files: numpy, OpenCV, PyAV, HDF5 and pandas; no torch."""
