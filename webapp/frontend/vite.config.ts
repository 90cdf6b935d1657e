import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the API; the cluster's web app listens on port 8000 unless told otherwise. */
const backend = "http://127.0.0.1:8000";

export default defineConfig(({ command }) => ({
  // Flask serves the built page from its static folder; the dev server from its root.
  base: command === "build" ? "/static/ui/" : "/",
  plugins: [react()],
  build: {
    outDir: "../static/ui",
    emptyOutDir: true,
    // A data: URI would need `default-src data:` in the content security policy.
    assetsInlineLimit: 0,
    // The first load is one chunk of about 210 kB gzipped; the warning counts it before compression.
    chunkSizeWarningLimit: 800,
  },
  server: {
    proxy: { "/api": { target: backend, changeOrigin: false } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
}));
