import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig(({ command, mode }) => {
  // `npm run dev` works on the cluster that the other commands would find by the same two variables.
  const { CUMULO_URL = "http://127.0.0.1:8000", CUMULO_TOKEN } = loadEnv(mode, ".", "CUMULO_");
  return {
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
      proxy: {
        "/api": { target: CUMULO_URL, headers: CUMULO_TOKEN ? { Authorization: `Bearer ${CUMULO_TOKEN}` } : {} },
      },
    },
    test: {
      environment: "happy-dom",
      include: ["src/**/*.test.{ts,tsx}"],
      restoreMocks: true,
    },
  };
});
