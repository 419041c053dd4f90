/** Builds the page that is exported: everything in one file, which works without a server. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Puts the script and the styles into the page, with a policy that allows these and no connection to anybody. */
function inline(): Plugin {
  return {
    name: "inline",
    // Behind everything that still changes the script.
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const page = bundle["single.html"];
        if (page?.type !== "asset") throw new Error("there is no single.html to put everything into");
        let html = String(page.source);
        const hashes: Record<"script" | "style", string[]> = { script: [], style: [] };
        for (const [name, file] of Object.entries(bundle)) {
          if (file === page) continue;
          const tag = name.endsWith(".css") ? "style" : "script";
          const text = file.type === "chunk" ? file.code : String(file.source);
          // Within a script this would end it; in a string of JavaScript, \/ is /.
          const code = `\n${text.replaceAll("</script", "<\\/script")}\n`;
          hashes[tag].push(hashOf(code));
          const found = new RegExp(
            tag === "style" ? `<link[^>]*${name}[^>]*>` : `<script type="module"[^>]*${name}[^>]*></script>`,
          );
          if (!found.test(html)) throw new Error(`single.html does not ask for ${name}`);
          html = html.replace(found, () =>
            tag === "style" ? `<style>${code}</style>` : `<script type="module">${code}</script>`,
          );
          delete bundle[name];
        }
        const policy = [
          "default-src 'none'",
          `script-src ${hashes.script.join(" ")}`,
          `style-src ${hashes.style.join(" ")}`,
          "img-src data: blob:",
          "base-uri 'none'",
          "form-action 'none'",
        ].join("; ");
        html = html.replace(
          "<head>",
          () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
        );
        delete bundle["single.html"];
        // It holds the charts a second time: compressed, it weighs a third.
        this.emitFile({ type: "asset", fileName: "single.html.gz", source: gzipSync(html) });
      },
    },
  };
}

export default defineConfig({
  plugins: [react(), inline()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  base: "./",
  build: {
    // Beside the files that the server hands out already.
    outDir: "../api/dashboard/assets",
    emptyOutDir: false,
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    cssCodeSplit: false,
    modulePreload: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: "single.html", output: { codeSplitting: false } },
  },
});
