// A process beside a job: polls, and keeps every answer. Its argument is MiB a second.
require("./keeping.js").keepInBackground(Number(process.argv[2]));
