import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { Studio } from "./studio";

const StudioContext = createContext<Studio | null>(null);

/** Keeps the Studio's photos and uploads while the person looks at other views. */
export function StudioProvider({ children }: { children: ReactNode }) {
  const [studio] = useState(() => new Studio());
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (studio.uploading) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [studio]);
  return <StudioContext value={studio}>{children}</StudioContext>;
}

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (studio === null) throw new Error("useStudio outside of StudioProvider");
  return studio;
}
