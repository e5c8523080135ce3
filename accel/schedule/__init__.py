"""Static schedules, one kernel type a file: when a kernel reads, computes and writes, in closed form."""
