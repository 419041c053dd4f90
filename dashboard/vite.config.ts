import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  // The server writes its path prefix into index.html; scripts find each other relative to themselves.
  base: "./",
  build: {
    outDir: "../api/dashboard",
    emptyOutDir: true,
    // An inlined asset would need data: in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "charts", test: /node_modules[\\/](echarts|zrender)[\\/]/ },
            { name: "yaml", test: /node_modules[\\/]yaml[\\/]/ },
            // What asks the server, in a file that runs before React's and the router's.
            {
              name: "early",
              test: /src[\\/](early|root|api[\\/](?!use)\w+\.ts)|openapi-fetch|@tanstack[\\/](query-core|react-query.*[qQ]ueryOptions)/,
              includeDependenciesRecursively: false,
            },
            // The screen that is opened most, in one file and not in a dozen.
            {
              name: "overview",
              test: /src[\\/](live|charts[\\/](fitness|tasks|vitals)|screens[\\/]experiment[\\/](overview|actions|log[\\/]sentences|(ExperimentScreen|OverviewTab|Actions|ExportPage|use\w+)\.))/,
              includeDependenciesRecursively: false,
            },
            // What most screens use, and what all plots use, in a file each: dozens of small ones take longer.
            // React and the like stay where every page has them.
            {
              name: "plots",
              test: /src[\\/]charts[\\/](?!library)[^\\/]+$/,
              includeDependenciesRecursively: false,
            },
            {
              name: "parts",
              test: /src[\\/](parts|format)[\\/]|@tanstack[\\/](react-)?query/,
              includeDependenciesRecursively: false,
            },
          ],
        },
      },
    },
  },
  server: {
    // The server takes changes only from pages of its own host, so it must see the page's.
    proxy: {
      "^/(api|readyz)": {
        target: process.env.EVOMERGE_SERVER ?? "http://127.0.0.1:8000",
        changeOrigin: false,
      },
    },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
