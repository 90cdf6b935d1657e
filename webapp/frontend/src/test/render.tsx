import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render } from "@testing-library/react";
import type { ReactElement } from "react";
import { afterEach } from "vitest";
import { startTranslation } from "../i18n";
import { StudioProvider } from "../studio/context";

startTranslation();
afterEach(cleanup);

/** Renders below the providers of the page, with answers in the cache instead of a server. */
export function renderPage(element: ReactElement, answers: Record<string, unknown> = {}) {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY } } });
  for (const [key, answer] of Object.entries(answers)) queries.setQueryData([key], answer);
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>
        <StudioProvider>{element}</StudioProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
}
