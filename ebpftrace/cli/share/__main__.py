"""`python -m ebpftrace.cli.share FOLDER`."""

import sys
from pathlib import Path

from ebpftrace.cli.share import write_shared_files

write_shared_files(Path(sys.argv[1]))
