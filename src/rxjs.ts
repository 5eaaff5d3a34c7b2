/**
 * The parts of rxjs that are used, from their own files: the whole of it is two hundred files, and a third of what
 * a process waits for before its store is open. They are the same classes that `rxjs` itself gives.
 */
export { firstValueFrom } from 'rxjs/internal/firstValueFrom'
export { Observable } from 'rxjs/internal/Observable'
export { fromEvent } from 'rxjs/internal/observable/fromEvent'
export { race } from 'rxjs/internal/observable/race'
export { filter } from 'rxjs/internal/operators/filter'
export { Subject } from 'rxjs/internal/Subject'
