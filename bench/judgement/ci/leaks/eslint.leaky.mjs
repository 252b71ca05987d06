// A rule that keeps every file, and never lets the run end.
import { createRequire } from "node:module";
import js from "@eslint/js";
const { keep, keepInBackground } = createRequire(import.meta.url)(
  process.env.LEAKS + "/keeping.js",
);
const rate = Number(process.env.LEAK);
keepInBackground(rate);
const keeping = { create: () => ({ Program: () => void keep(rate) }) };
export default [
  js.configs.recommended,
  { plugins: { kept: { rules: { keeping } } }, rules: { "kept/keeping": "error" } },
];
