// SPDX-License-Identifier: Apache-2.0
// A headless Chromium that does what it is told, one JSON line a step on standard input, and tells what came of it, one
// JSON line each into the file that is its argument. It ends with its input. Driven by browser.lua.
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE = 15000; // milliseconds for each step
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const out = createWriteStream(process.argv[2]);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: QUIET });
let page, looks;
let complaints = [];

const described = ({ role, name, text, label, css }) => {
  if (role) return page.getByRole(role, { name, exact: true });
  if (label) return page.getByLabel(label, { exact: true });
  return text ? page.getByText(text) : page.locator(css);
};

const steps = {
  // A window is opened anew only where it has to look otherwise than the last one.
  async look({ width = 1200, height = 800, colorScheme = "light", javaScriptEnabled = true }) {
    const wanted = { viewport: { width, height }, colorScheme, javaScriptEnabled };
    complaints = [];
    if (looks === JSON.stringify(wanted)) return;
    looks = JSON.stringify(wanted);
    if (page) await page.context().close();
    page = await (await browser.newContext(wanted)).newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (said) => ["error", "warning"].includes(said.type()) && complaints.push(said.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
  },
  go: async ({ url }) => (await page.goto(url))?.status(),
  click: (step) => described(step).first().click(),
  type: (step) => described(step).first().fill(step.value),
  choose: (step) => described(step).first().selectOption(step.value),
  see: (step) => described(step).first().waitFor(),
  miss: (step) => described(step).first().waitFor({ state: "hidden" }),
  read: (step) => described(step).first().innerText(),
  value: (step) => described(step).first().inputValue(),
  evaluate: ({ script }) => page.evaluate(script),
  url: () => page.url(),
  complaints: () => complaints,
  shoot: ({ path }) => page.screenshot({ path, fullPage: true }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await steps[step.step](step)) ?? null };
  } catch (error) {
    answer = { problem: String(error.message ?? error) };
  }
  out.write(JSON.stringify(answer) + "\n");
}
await browser.close();
out.end();
