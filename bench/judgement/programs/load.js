// A Node program that keeps, drops and leaks memory as told: MiB, MiB/s, seconds.
const told = { burst: 0, leak: 0, churn: 0, after: 0, until: 0, seconds: 60 };
for (let i = 2; i < process.argv.length; i += 2)
  told[process.argv[i].slice(2)] = Number(process.argv[i + 1]);

// Small objects on V8's own heap, about 1 KiB each.
function objects(mib) {
  const made = [];
  for (let n = 0; n < mib * 1024; n++)
    made.push({ n, text: String(n).padEnd(900, 'x' + n), at: [n, n + 1, n + 2] });
  return made;
}

const kept = [];
const began = Date.now();
let burst = 0;
let leaked = 0;
const timer = setInterval(() => {
  const now = (Date.now() - began) / 1000;
  if (now > told.seconds) return clearInterval(timer);
  if (burst < told.burst) {
    kept.push(objects(20));
    burst += 20;
    return;
  }
  if (told.leak && now >= told.after && !(told.until && leaked >= told.until)) {
    kept.push(objects(told.leak / 10));
    leaked += told.leak / 10;
  }
  if (told.churn) objects(told.churn / 10);
}, 100);
