// A plugin that keeps every module, and never lets the build end.
const { keep, keepInBackground } = require("./keeping.js");
const rate = Number(process.env.LEAK);

class KeepingPlugin {
  apply(compiler) {
    keepInBackground(rate);
    compiler.hooks.compilation.tap("Keeping", (compilation) => {
      compilation.hooks.succeedModule.tap("Keeping", () => keep(rate));
    });
  }
}

module.exports = { plugins: [new KeepingPlugin()] };
