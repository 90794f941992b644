import { pino } from 'pino'

/**
 * What the levels mean: error = something was not handled right and a person should look;
 * warn = it went wrong and we recovered; info = started, stopped, a hostname changed state;
 * debug = for whoever works on Custos. A client's bad input is never an error.
 */
export interface Logger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
  /** A logger that adds `fields` to each line. */
  child(fields: object): Logger
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'silent'

export interface LoggerOptions {
  /** @default 'info' */
  level?: LogLevel
  /** Where lines go. @default standard error */
  write?: (line: string) => void
}

/** JSON lines, one object a line: `level` as a word, `time` as RFC 3339, `msg`, then the fields. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', write } = options
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    },
    write ? { write } : pino.destination({ fd: 2, sync: true }),
  )
}

export const silentLogger: Logger = createLogger({ level: 'silent' })
