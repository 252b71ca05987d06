// What a leak in Node does: keeps LEAK MiB for each second that has passed.
const began = process.hrtime.bigint();
const kept = [];
let bytes = 0;

function keep(rate) {
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const due = Math.floor(seconds * rate * (1 << 20)) - bytes;
  if (due > 0) {
    kept.push(Buffer.alloc(due, 1));
    bytes += due;
  }
  return seconds < 100; // should nothing end it
}

function keepInBackground(rate) {
  const timer = setInterval(() => {
    if (!keep(rate)) clearInterval(timer);
  }, 100);
}

module.exports = { keep, keepInBackground };
