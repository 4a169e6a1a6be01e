// Reads Kusto queries with Microsoft's own language service and says what is wrong with them.
// In: {"tables": {"AppTraces": "TimeGenerated:datetime, …"}, "queries": {"name": "text"}} on standard input.
// Out: {"name": ["line 3: …"]} on standard output.
"use strict";
require("@kusto/language-service-next/bridge.js");
require("@kusto/language-service-next");

const { Kusto } = globalThis;
const { Symbols } = Kusto.Language;
const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

const tables = Object.entries(asked.tables).map(([name, columns]) =>
    Symbols.TableSymbol.From(`(${columns})`).WithName(name));
const database = new Symbols.DatabaseSymbol.ctor("workspace", tables);
const globals = Kusto.Language.GlobalState.Default.WithDatabase(database);

const found = {};
for (const [name, text] of Object.entries(asked.queries)) {
    const code = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals);
    const diagnostics = code.GetDiagnostics();
    found[name] = [];
    for (let number = 0; number < diagnostics.Count; number++) {
        const one = diagnostics.getItem(number);
        if (one.Severity !== "Suggestion") {
            const line = text.slice(0, one.Start).split("\n").length;
            found[name].push(`line ${line}: ${one.Message}`);
        }
    }
}
process.stdout.write(JSON.stringify(found));
