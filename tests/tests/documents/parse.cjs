// What the official parser of AsyncAPI says of the document on standard input, as JSON: whether it takes it, what it sees
// in it, and every diagnostic (severity 0 is an error, 1 a warning, 2 and 3 are remarks).
const { Parser } = require("@asyncapi/parser");

let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const names = (all) => all.all().map((one) => one.id()).sort();
  console.log(
    JSON.stringify({
      accepted: document !== undefined,
      channels: document ? names(document.channels()) : [],
      operations: document ? names(document.operations()) : [],
      diagnostics: diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path: path.join("/") })),
    }),
  );
});
